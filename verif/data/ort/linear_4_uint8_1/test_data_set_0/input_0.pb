Binput_0J$7
–†É€Nq–ø¥alva•C}%²9—^E A¥1+ÇN