"""For operators and developers: health, metrics, the API description."""
