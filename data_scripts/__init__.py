"""What makes the book's data: downloads, experiments, their runs, the ledger. The library never imports from here."""
