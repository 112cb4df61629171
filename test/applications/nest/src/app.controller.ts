import { Body, Controller, ForbiddenException, Get, Header, Param, ParseIntPipe, Post, Redirect } from '@nestjs/common';
import { AppService } from './app.service';

@Controller()
export class AppController {
  constructor(private readonly appService: AppService) {}

  @Get()
  getHello(): string {
    return this.appService.getHello();
  }

  @Get('cats/:id')
  @Header('Cache-Control', 'no-store')
  findOne(@Param('id', ParseIntPipe) id: number) {
    return { id };
  }

  @Post('cats')
  create(@Body() cat: { name: string }) {
    return { created: cat.name };
  }

  @Get('docs')
  @Redirect('https://docs.nestjs.com', 302)
  docs() {}

  @Get('forbidden')
  forbidden() {
    throw new ForbiddenException();
  }
}
