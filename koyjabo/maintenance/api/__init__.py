"""What load balancers and Prometheus ask."""
