"""What a study is: its configuration, checked and typed, and what each stage reads of it."""
