"""What the book alone needs: its figures, widgets, claims and exercises. Nothing else imports it."""
