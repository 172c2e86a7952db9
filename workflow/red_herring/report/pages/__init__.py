"""Pages: the interactive one, the front page, the data sheets."""
