"""What every door of a feature needs: requests and responses, limits, logins, forms, pages. It knows no feature."""
