"""Find nsys, launch a program under it, export its report."""
