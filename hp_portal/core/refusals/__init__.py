"""What somebody was refused: noted, judged, told to staff."""
