"""Speed and accuracy, runnable by anyone from public packages."""
