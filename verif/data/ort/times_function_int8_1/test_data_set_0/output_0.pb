€Boutput_0J€89:;<<=>??@ABCCDEFGGHIJJKLMNNOPQRRSTUUVWXYYZ[\]]^_``abcddefghhijkklmnoopqrsstuvvwxyzz{|}~~

























						


 ""#$%'()*+,-./01123445678