"""What the hardware is told: descriptors, pages, and where everything lies in memory."""
