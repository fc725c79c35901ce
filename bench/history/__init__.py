"""What asv measures of each commit."""
