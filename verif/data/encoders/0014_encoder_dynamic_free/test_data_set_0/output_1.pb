B
squeeze_92J	fPæù+?	∫?î›y=