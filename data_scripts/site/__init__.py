"""What makes pages: notebooks, the site, print, the tables that pages show. It may read `run`; `run` never reads it."""
