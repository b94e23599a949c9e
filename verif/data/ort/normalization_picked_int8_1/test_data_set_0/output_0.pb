
Boutput_0J
i¢H÷9p9