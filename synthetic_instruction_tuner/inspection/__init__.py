"""Looking at a study without changing it: doctor, status, what may be cleaned, the plan."""
