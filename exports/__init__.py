"""What leaves the warehouse: reports for the terminal and published files."""
