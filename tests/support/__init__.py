"""What the tests run the product with: real servers, real databases, and many clients at once."""
