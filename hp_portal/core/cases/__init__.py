"""Cases: what offices send in and staff decide, from the first click to the answer, for every application."""
