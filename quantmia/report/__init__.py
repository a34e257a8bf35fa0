"""What a reader sees: tables, and the conclusion in words."""
