"""What the lessons share: the checks of their exercises, the designer, the map of the course."""
