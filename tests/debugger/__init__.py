"""What is shown of an exception in debug mode, to whom, and who may use the console."""
