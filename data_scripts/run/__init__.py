"""What makes data and records: downloads, experiments, their runs and scores, the ledger."""
