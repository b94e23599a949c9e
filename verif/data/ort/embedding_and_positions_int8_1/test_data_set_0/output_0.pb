Boutput_0J0A43MA+L2t9,%Fw?/üdD@-5Ð.;>%,zD,"Lþ7/
r