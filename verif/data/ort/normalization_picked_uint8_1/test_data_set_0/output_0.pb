
Boutput_0J
é"ŸÈw¹‘ð¹”