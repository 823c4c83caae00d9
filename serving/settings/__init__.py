"""What the settings file may say: a section a module, and the file as a whole."""
