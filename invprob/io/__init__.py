"""Files: reading what users bring, writing what runs leave."""
