
Boutput_0JZAJf[ffcQf\;;;;C@>;?fPCSS;ffaEIAfP`HWN;F_Sf;af7@MIcg207B¡Pp^k4FokfAeSj[3T4{bCoT\>0cX—8