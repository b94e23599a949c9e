Binput_0JçiÑ/ì–Z'µnÄ#ÙS4İàß/¸¹
Bng ví