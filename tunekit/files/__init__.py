"""What boot reads: sysctl.d and its kin, as each program that reads them understands them."""
