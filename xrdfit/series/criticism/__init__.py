"""What a joint fit leaves over, and whether what it takes for granted holds."""
