// The chip and what stands around it on a board, for linters and simulation, with models of the PLLs and of an ECP5's clock pin.
-f rtl/systole.f
rtl/board/systole_board.v
rtl/board/systole_boot.v
rtl/board/systole_bridge.v
rtl/board/systole_ecp5.v
rtl/board/systole_gowin.v
rtl/board/systole_link_rx.v
rtl/board/systole_link_tx.v
rtl/board/systole_uart_rx.v
rtl/board/systole_uart_tx.v
verif/cells/EHXPLLL.v
verif/cells/USRMCLK.v
verif/cells/rPLL.v
