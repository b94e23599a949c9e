// The chip and what stands around it on a board, for linters and simulation, with models of the PLLs and of an ECP5's clock pin.
-F systole.f
board/systole_board.v
board/systole_boot.v
board/systole_bridge.v
board/systole_ecp5.v
board/systole_gowin.v
board/systole_link_rx.v
board/systole_link_tx.v
board/systole_uart_rx.v
board/systole_uart_tx.v
../verif/cells/EHXPLLL.v
../verif/cells/USRMCLK.v
../verif/cells/rPLL.v
