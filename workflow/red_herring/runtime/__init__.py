"""What every job needs: its command line, whole files, locks, signals, devices, digests."""
