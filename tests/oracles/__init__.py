"""What the market must equal, worked out by brute force at tiny size."""
