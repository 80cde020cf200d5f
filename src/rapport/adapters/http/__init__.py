"""HTTP out: requests to other systems."""
