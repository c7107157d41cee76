"""What both sides speak: frames, descriptors, answers in shared memory."""
