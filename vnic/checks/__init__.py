"""Rules over what a NIC and a driver did. Nothing here drives anything."""
