Binput_0J<²„@QÅ¾üXLÌÓÁcì]$
¼cÊoQô£2fRJöÓ«cİjdDwı41}¶£¥c_³Ú