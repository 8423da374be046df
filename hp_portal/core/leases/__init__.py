"""Work that one worker does at a time: taken with a lease that runs out when the worker dies."""
