"""What people are told without having asked a question: unusual traffic, and checks of Health that have changed."""
