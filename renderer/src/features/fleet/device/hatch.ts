/** The look of what is made up: slanted lines, as a pattern for a canvas. */
export function hatch(color: string): { readonly image: HTMLCanvasElement; readonly repeat: 'repeat' } {
  const side = 7;
  const image = document.createElement('canvas');
  image.width = side;
  image.height = side;
  const context = image.getContext('2d');
  if (context) {
    context.strokeStyle = color;
    context.globalAlpha = 0.45;
    context.lineWidth = 1;
    context.beginPath();
    for (const from of [-side, 0, side]) {
      context.moveTo(from, side);
      context.lineTo(from + side, 0);
    }
    context.stroke();
  }
  return { image, repeat: 'repeat' };
}
