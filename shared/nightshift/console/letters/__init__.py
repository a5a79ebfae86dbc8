"""Dead letters as the console knows them: an index that is rebuilt from the broker and never the truth."""
