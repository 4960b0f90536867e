"""Health of the server for operators and load balancers: readiness, and warnings. Begin with `health_warnings`."""
