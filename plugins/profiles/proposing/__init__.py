"""What changes propose: facts that are wanted of the record, kept with the case, and what became of each."""
