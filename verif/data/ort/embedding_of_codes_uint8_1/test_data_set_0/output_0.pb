
Boutput_0J
µ³sp›¾“¥…À