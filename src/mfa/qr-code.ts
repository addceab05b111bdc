import QRCode from 'qrcode'

const options = { errorCorrectionLevel: 'M', margin: 4 } as const

/** The text as a QR code: a PNG in a data: URL. About 2 ms of the event loop, so made only when it is asked for. */
export const qrCodePng = (text: string): Promise<string> => QRCode.toDataURL(text, { ...options, width: 264 })

/** The text as a QR code: an SVG document. */
export const qrCodeSvg = (text: string): Promise<string> => QRCode.toString(text, { ...options, type: 'svg' })
