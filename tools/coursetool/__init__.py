"""What `./course` is made of: one module per verb, and what they share."""
