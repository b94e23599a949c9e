	Boutput_0Jђw&
tшчnp/O9Y?хWоаdgЮUюt7ъVлC<dМ6gз18<dиоЫjR)8 "Rd-Oочvутu7Cвъ9%ЫO9O+мl]0'04Яей
SeIN6TЬтE>gEЭeо1qр<хмA=)dр)